// The fault matrix on a host like Proxmox 9; see matrix.ts.
import { describeMatrix } from './matrix.ts';

describeMatrix('trixie');
