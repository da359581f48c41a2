// The main job on Debian 14, where NetworkManager can do Open vSwitch and so drives the bridges.
import { mainJob } from './main-job.ts';

mainJob('main-forky', { suite: 'forky', driver: 'networkmanager' });
