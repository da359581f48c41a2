// The fault matrix where NetworkManager does Open vSwitch; see matrix.ts.
import { describeMatrix } from './matrix.ts';

describeMatrix('forky');
