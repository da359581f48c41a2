// Connections of public containers through restarts on Debian 14, where NetworkManager drives the bridge.
import { surviving } from './netmaker-restarts.ts';

surviving('restarts-forky', 'forky');
