mkdir -p /run/systemd/system/systemd-udevd.service.d; printf '[Unit]\nConditionPathIsReadWrite=\n[Service]\nDeviceAllow=\nDevicePolicy=auto\n' > /run/systemd/system/systemd-udevd.service.d/c.conf
systemctl daemon-reload; systemctl start systemd-udevd; systemctl is-active systemd-udevd
umount /usr/lib/NetworkManager/conf.d/85-veth-unmanaged.conf; ls -la /usr/lib/NetworkManager/conf.d/; cat /usr/lib/udev/rules.d/85-nm-unmanaged.rules | grep -v '^#' | head -30
udevadm trigger -c add; udevadm settle
systemctl restart NetworkManager; nmcli dev
