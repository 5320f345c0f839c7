// The virtio-net header in front of what a TAP gives and takes (linux/virtio_net.h), little-endian: offsets and words.

export const VIRTIO_FLAGS: usize = 0; // u8
export const VIRTIO_GSO_TYPE: usize = VIRTIO_FLAGS + 1; // u8
export const VIRTIO_HDR_LEN: usize = VIRTIO_GSO_TYPE + 1; // u16
export const VIRTIO_GSO_SIZE: usize = VIRTIO_HDR_LEN + 2; // u16
export const VIRTIO_CSUM_START: usize = VIRTIO_GSO_SIZE + 2; // u16, from the start of the frame
export const VIRTIO_CSUM_OFFSET: usize = VIRTIO_CSUM_START + 2; // u16
export const VIRTIO_OUTER_TRANSPORT: usize = 20; // u16: offset of the outer UDP header, with a VIRTIO_GSO_UDP_TUNNEL type
export const VIRTIO_INNER_NETWORK: usize = VIRTIO_OUTER_TRANSPORT + 2; // u16: offset of the inner IP header, likewise
export const VIRTIO_LEN: usize = 24;
export const VIRTIO_FLAG_NEEDS_CSUM: u32 = 1;
export const VIRTIO_GSO_NONE: u32 = 0;
export const VIRTIO_GSO_TCPV4: u32 = 1;
export const VIRTIO_GSO_TCPV6: u32 = 4;
export const VIRTIO_GSO_UDP_L4: u32 = 5;
export const VIRTIO_GSO_UDP_TUNNEL_IPV4: u32 = 0x20; // or'ed to the inner type
export const VIRTIO_GSO_UDP_TUNNEL_IPV6: u32 = 0x40;
export const VIRTIO_GSO_ECN: u32 = 0x80;
export const VIRTIO_FLAG_DATA_VALID: u32 = 2;
export const VIRTIO_FLAG_UDP_TUNNEL_CSUM: u32 = 8;
