ovs-bridge vmbr0 10.9.0.1/24
qm create 101 --hookscript local:snippets/ovs-port-agent --net0 virtio,bridge=vmbr0,firewall=1,tag=5; qm create 102 --hookscript local:snippets/ovs-port-agent --net0 virtio,bridge=vmbr0,tag=6
pct create 201 --hookscript local:snippets/ovs-port-agent --net0 name=eth0,bridge=vmbr0,ip=10.9.0.201/24,firewall=1
qm start 101; qm start 102; pct start 201; sleep 1; ovs-port-agent list; ip -br link
echo "=== delete"; ovs-vsctl del-br vmbr0; sleep 2
ovs-port-agent list --all; ovs-port-agent status; for g in 101 102 201; do ovs-port-agent explain $g; done; ovs-port-agent doctor | grep -A1 '[✗!]'
busctl call dev.ovs.PortAgent1 /dev/ovs/PortAgent1 dev.ovs.PortAgent1 ValidateBridgeConnectivity s vmbr0
echo "=== again"; ovs-bridge vmbr0 10.9.0.1/24; sleep 4;  ovs-port-agent reconcile; echo rc $?
ovs-port-agent list --all; ovs-port-agent status; for g in 101 102 201; do ovs-port-agent explain $g; done; ip -br link; ovs-vsctl show; ping -c1 -W1 10.9.0.201
