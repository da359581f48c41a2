mount --bind /var /var; mount -o remount,bind,noexec /var; mount --bind /var/lib/lxc /var/lib/lxc; mount -o remount,bind,exec /var/lib/lxc; dpkg-query -L ovs-port-agent >/dev/null; echo orig; cp /root/orig.conf /usr/share/lxc/config/common.conf.d/50-ovs-port-agent.conf
echo "--- doctor:"; ovs-port-agent doctor | grep -A1 '[✗!✘]'
echo "--- lxc:";  lxc-guest start web; echo rc $?
echo "--- enroll:"; qm create 102 --net0 virtio,bridge=ovsbr0;  ovs-port-agent proxmox enroll 102; echo rc $?
echo "--- qm:"; qm start 101; echo rc $?
cat > /usr/share/lxc/config/common.conf.d/50-ovs-port-agent.conf <<'F'
lxc.hook.start-host = sh -c '[ ! -r "$0" ] || exec sh "$0" "$@"' /var/lib/ovs-port-agent/hooks/lxc
lxc.hook.post-stop = sh -c '[ ! -r "$0" ] || exec sh "$0" "$@"' /var/lib/ovs-port-agent/hooks/lxc
F
lxc-guest start web; echo rc $?; sleep 1; ovs-port-agent list; tail -n 8 /var/lib/ovs-port-agent/ledger.jsonl | cut -c1-100
lxc-guest stop web; sleep 1; ovs-port-agent list;
mv /var/lib/ovs-port-agent/hooks/lxc /root/; lxc-guest start web; echo rc $?;lxc-guest stop web; mv /root/lxc /var/lib/ovs-port-agent/hooks/lxc
umount /var/lib/lxc; umount /var || umount -l /var
