// Netmaker containers as public servers on Debian 14 with the OVSDB driver; the pool is on the wire of the uplink.
import { publicServers } from './netmaker-public.ts';

publicServers('public-forky-ovsdb', { suite: 'forky', keys: 'driver = "ovsdb"', way: 'on-link' });
