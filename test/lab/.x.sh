cd /tmp; apt-get install -y ./ovs-port-agent_0.1.0_all.deb >/tmp/i.log 2>&1; tail -3 /tmp/i.log; docker-image
echo "## doctor"; ovs-port-agent doctor; echo rc $?
qm create 101 --name web1 --net0 virtio,bridge=vmbr0,firewall=1; pct create 201 --hostname mail --net0 name=eth0,bridge=vmbr0,ip=10.0.0.201/24
ovs-port-agent proxmox enroll --all; echo rc $?
qm start 101; pct start 201; lxc-guest create db --link ovsbr0; lxc-guest start db
docker run -d --name netmaker-server --label dev.ovs.portagent.address=10.0.1.50/24 opa-test >/dev/null
docker run -d --name 'evil' --label "dev.ovs.portagent.bridge=$(printf 'x\n\033[31mred')" --label 'dev.ovs.portagent.vmid=101' opa-test >/dev/null
docker run -d --name nobr --label "dev.ovs.portagent.bridge=nobridge" opa-test >/dev/null
docker run -d --name dup --label dev.ovs.portagent.address=10.0.1.50/24 opa-test >/dev/null
sleep 4
V() { echo "## status"; ovs-port-agent status; echo rc $?; echo "## list --all"; ovs-port-agent list --all; echo "## doctor"; ovs-port-agent doctor | grep -A1 '[✗!]'; }
V; for g in evil nobr dup netmaker-server; do echo "## explain $g"; ovs-port-agent explain $g 2>&1 | tail -6; done
echo "######## del-br vmbr0, ovsbr1"; ovs-vsctl del-br vmbr0; ovs-vsctl del-br ovsbr1; sleep 5; V; ovs-vsctl list-br
for g in 101 201 netmaker-server; do echo "## explain $g"; ovs-port-agent explain $g 2>&1 | tail -4; done
echo "######## networking back"; pve-network apply >/dev/null 2>&1; sleep 6; V
ovs-port-agent reconcile; echo rc $?
echo "######## kill ovsdb"; systemctl stop openvswitch-switch ovsdb-server ovs-vswitchd; sleep 2; V; systemctl start openvswitch-switch; sleep 5; ifup -a >/dev/null 2>&1; sleep 3; V
ovs-port-agent ledger verify; 
