// The main job on Debian 14 with the OVSDB driver by configuration, beside a NetworkManager that could do it too.
import { mainJob } from './main-job.ts';

mainJob('main-ovsdb', { suite: 'forky', keys: 'driver = "ovsdb"', driver: 'ovsdb' });
