// What a failed send means for the frame: the errno of TAP devices and raw sockets, in the four words of the seam.

import { SEND_DOWN, SEND_ERROR, SEND_FULL, SEND_TOO_BIG } from "../../dataplane-wasm/layout.js";
import {
  E2BIG,
  EAGAIN,
  EBADF,
  EBADFD,
  EFBIG,
  EIO,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  ENXIO,
} from "../linux/errno.js";

/** @returns SEND_FULL, SEND_DOWN, SEND_TOO_BIG or SEND_ERROR */
export function sendResult(errno: number): number {
  switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return SEND_FULL;
    case EIO: // tun: the device is not up
    case EBADFD: // tun: the device was deleted
    case EBADF:
    case ENODEV:
    case ENXIO:
    case ENETDOWN:
      return SEND_DOWN;
    case EMSGSIZE:
    case EFBIG:
    case E2BIG:
      return SEND_TOO_BIG;
    default:
      return SEND_ERROR;
  }
}
