// The real systemd-udevd in a test host: containers have none, all hosts of users do.
import type { Host } from './host.ts';

/** From now on, and after a reboot: names, addresses and NetworkManager's rule for each new device are udev's matter. */
export async function withUdev(host: Pick<Host, 'sh'>): Promise<void> {
  await host.sh(`
    mkdir -p /etc/systemd/system/systemd-udevd.service.d
    printf '[Unit]\\nConditionPathIsReadWrite=\\n' >/etc/systemd/system/systemd-udevd.service.d/in-a-host.conf
    systemctl daemon-reload; systemctl start systemd-udevd
    rule=/usr/lib/NetworkManager/conf.d/85-veth-unmanaged.conf
    ! mountpoint -q $rule || { umount $rule; systemctl restart NetworkManager; }`);
}
