// Where the records of networks and attachments lie.

import { ATTACHMENT_SIZE, ATTACHMENTS, NETWORK_SIZE, NETWORKS } from "../layout/networks";

export function networkPtr(network: u32): usize {
  return NETWORKS + <usize>network * NETWORK_SIZE;
}

export function attachmentPtr(attachment: u32): usize {
  return ATTACHMENTS + <usize>attachment * ATTACHMENT_SIZE;
}
