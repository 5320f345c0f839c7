// The loop of a `tap` worker of vxlane's in C, and nothing else: a TAP for the frames, another one that takes and gives whole
// outer frames (tunnel GSO, Linux 6.17), epoll. Outer headers are put in front of a super-frame, or taken off, and the kernel
// cuts what has to be cut: no byte of data is read. One remote VTEP, no FDB, no checks, no counters. So what it carries is
// what two reads and writes of a TAP carry, in any language.
//
//   tap-loop TAP LOCAL REMOTE PORT VNI
//
// The second TAP comes as descriptor 3 (tap-loop.ts). Says `ready` when the first one is there.

#define _GNU_SOURCE
#include <arpa/inet.h>

#include "frame.h"
#include "outer.h"
#include "tap.h"

enum { TUNNEL = 3, IN_TURN = 256, SRC_PORT = 50000 };

enum { OUTER_LEN = sizeof(struct outer), MAX_INNER = 65535 - (OUTER_LEN - ETHERNET_LEN) };

static int tap;
static struct outer outer = {.ether_type = 0x0008, .version_ihl = 0x45, .fragment = 0x0040, .ttl = 64, .protocol = UDP};

/* ---- out ---- */

static void write_outer(uint8_t *to, int inner_len) {
  memcpy(to, &outer, OUTER_LEN);
  put16(to + IPV4_TOTAL_LEN, OUTER_LEN - ETHERNET_LEN + inner_len);
  write_ipv4_checksum(to);
  put16(to + UDP_LENGTH, OUTER_LEN - TRANSPORT + inner_len);
  *(uint16_t *)(to + UDP_CHECKSUM) = fold(pseudo_sum(to, OUTER_LEN - TRANSPORT + inner_len));
}

/* A super-frame stays unfinished inside; of a single frame the kernel finishes the outer checksum, or the NIC. */
static void send_frame(struct frame frame) {
  struct virtio virtio = *virtio_of(frame);
  uint8_t *packet = frame.bytes - OUTER_LEN;
  int headers = virtio.type ? headers_of(frame) : 0;
  if (frame.len > MAX_INNER || (virtio.type && !headers)) return;
  if (virtio.type) {
    virtio.flags = NEEDS_CSUM | UDP_TUNNEL_CSUM;
    virtio.type |= UDP_TUNNEL_IPV4;
    virtio.hdr_len = OUTER_LEN + headers;
    virtio.csum_start += OUTER_LEN;
    virtio.outer_transport = TRANSPORT;
    virtio.inner_network = OUTER_LEN + ETHERNET_LEN;
  } else {
    finish(frame);
    virtio = (struct virtio){.flags = NEEDS_CSUM, .csum_start = TRANSPORT, .csum_offset = UDP_CHECKSUM - TRANSPORT};
  }
  write_outer(packet, frame.len);
  memcpy(packet - VIRTIO_LEN, &virtio, VIRTIO_LEN);
  if (write(TUNNEL, packet - VIRTIO_LEN, VIRTIO_LEN + OUTER_LEN + frame.len) < 0) return; /* lost, as anywhere */
}

static void encap(void) {
  for (int turn = 0; turn < TURNS; turn++) {
    struct frame frames[BATCH];
    int count = read_frames(frames);
    for (int n = 0; n < count; n++) send_frame(frames[n]);
    if (count < BATCH) return;
  }
}

/* ---- in ---- */

static void decap(void) {
  static uint8_t buffer[VIRTIO_LEN + FRAME_MAX];
  for (int n = 0; n < IN_TURN; n++) {
    int len = read(TUNNEL, buffer, sizeof buffer);
    if (len <= VIRTIO_LEN + OUTER_LEN + ETHERNET_LEN) return;
    struct virtio virtio = *(struct virtio *)buffer, inner = {0};
    if (virtio.flags & NEEDS_CSUM && virtio.csum_start > OUTER_LEN) {
      inner = (struct virtio){.flags = NEEDS_CSUM, .csum_start = virtio.csum_start - OUTER_LEN, .csum_offset = virtio.csum_offset};
    }
    if (virtio.type & UDP_TUNNELS) {
      inner.type = virtio.type & ~UDP_TUNNELS;
      inner.hdr_len = virtio.hdr_len - OUTER_LEN;
      inner.gso_size = virtio.gso_size;
    }
    memcpy(buffer + OUTER_LEN, &inner, VIRTIO_LEN);
    if (write(tap, buffer + OUTER_LEN, len - OUTER_LEN) < 0) continue; /* a full queue loses it, as anywhere */
  }
}

int main(int count, char **arguments) {
  require(count == 6, "usage: tap-loop TAP LOCAL REMOTE PORT VNI");
  require(inet_pton(AF_INET, arguments[2], &outer.local) == 1, "LOCAL");
  require(inet_pton(AF_INET, arguments[3], &outer.remote) == 1, "REMOTE");
  outer.src_port = htons(SRC_PORT);
  outer.dst_port = htons(atoi(arguments[4]));
  outer.flags = htonl(0x08000000);
  outer.vni = htonl((uint32_t)strtoul(arguments[5], NULL, 10) << 8);
  require(fcntl(TUNNEL, F_SETFL, O_RDWR | O_NONBLOCK) == 0, "descriptor 3");
  tap = open_tap(arguments[1]);
  open_ring(tap);
  serve(tap, encap, TUNNEL, decap);
}
