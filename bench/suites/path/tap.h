// A TAP device as vxlane uses one, for its loops in C: super-frames of TCP and unfinished checksums both ways, and a batch of
// frames read by one io_uring call. Not IPv6: the hosts of this suite have none.

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "priority.h"

/* struct virtio_net_hdr_v1_hash_tunnel of Linux 6.17, little-endian. */
struct virtio {
  uint8_t flags, type;
  uint16_t hdr_len, gso_size, csum_start, csum_offset, unused[5], outer_transport, inner_network;
};

enum { NEEDS_CSUM = 1, UDP_TUNNEL_CSUM = 8, TCPV4 = 1, UDP_L4 = 5, UDP_TUNNEL_IPV4 = 0x20, UDP_TUNNELS = 0x60, ECN = 0x80 };
enum { VIRTIO_LEN = sizeof(struct virtio), FRAME_MAX = 65536 + 64, HEADROOM = 128, SLOT = HEADROOM + FRAME_MAX };
/* As vxlane: frames of a batch, bytes after which it ends because they have to stay in the cache, batches of a turn. */
enum { BATCH = 64, BYTES_AT_ONCE = 256 << 10, TURNS = 4 };

/* `virtio` is what came with it, until the headers of a tunnel are written over that. */
struct frame {
  uint8_t *bytes;
  int len;
};

static inline struct virtio *virtio_of(struct frame frame) { return (struct virtio *)(frame.bytes - VIRTIO_LEN); }

static void require(int ok, const char *call) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", call, strerror(errno));
  exit(1);
}

static int open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK), header_len = VIRTIO_LEN;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  require(tap >= 0, "open /dev/net/tun");
  require(ioctl(tap, TUNSETIFF, &request) >= 0, "TUNSETIFF");
  require(ioctl(tap, TUNSETVNETHDRSZ, &header_len) >= 0, "TUNSETVNETHDRSZ");
  require(ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN) >= 0, "TUNSETOFFLOAD");
  return tap;
}

/* ---- a batch of reads by one call ---- */

static uint8_t buffers[BATCH][SLOT] __attribute__((aligned(4096)));
static int ring;
static struct io_uring_sqe *requests;
static struct io_uring_cqe *results;
static unsigned *sq_tail, *sq_array, *cq_head, *cq_tail, sq_mask, cq_mask;

static void open_ring(int tap) {
  struct io_uring_params params = {.flags = IORING_SETUP_SUBMIT_ALL};
  ring = syscall(SYS_io_uring_setup, BATCH, &params);
  require(ring >= 0, "io_uring_setup");
  size_t size = params.cq_off.cqes + params.cq_entries * sizeof *results;
  size_t sq_size = params.sq_off.array + params.sq_entries * sizeof *sq_array;
  uint8_t *rings = mmap(NULL, size > sq_size ? size : sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  require(rings != MAP_FAILED, "mmap of the rings");
  requests = mmap(NULL, BATCH * sizeof *requests, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  require(requests != MAP_FAILED, "mmap of the requests");
  sq_tail = (unsigned *)(rings + params.sq_off.tail);
  sq_array = (unsigned *)(rings + params.sq_off.array);
  sq_mask = *(unsigned *)(rings + params.sq_off.ring_mask);
  cq_head = (unsigned *)(rings + params.cq_off.head);
  cq_tail = (unsigned *)(rings + params.cq_off.tail);
  cq_mask = *(unsigned *)(rings + params.cq_off.ring_mask);
  results = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
  struct iovec all = {buffers, sizeof buffers};
  require(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &all, 1) == 0, "io_uring_register");
  for (int slot = 0; slot < BATCH; slot++) {
    requests[slot] = (struct io_uring_sqe){.opcode = IORING_OP_READ_FIXED, .fd = tap, .rw_flags = RWF_NOWAIT, .user_data = slot};
    requests[slot].addr = (uintptr_t)buffers[slot] + HEADROOM - VIRTIO_LEN;
    requests[slot].len = VIRTIO_LEN + FRAME_MAX;
  }
}

/* Reads into slots `first` to `first + wanted - 1`. Returns how many frames there were. */
static int read_slots(int first, int wanted, struct frame *frames) {
  unsigned tail = *sq_tail;
  for (int n = 0; n < wanted; n++) sq_array[(tail + n) & sq_mask] = first + n;
  __atomic_store_n(sq_tail, tail + wanted, __ATOMIC_RELEASE);
  require(syscall(SYS_io_uring_enter, ring, wanted, 0, 0, NULL, 0) == wanted, "io_uring_enter");
  int count = 0;
  unsigned head = *cq_head, end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
  for (; head != end; head++) {
    const struct io_uring_cqe *result = &results[head & cq_mask];
    if (result->res <= VIRTIO_LEN) continue;
    frames[count++] = (struct frame){buffers[result->user_data] + HEADROOM, result->res - VIRTIO_LEN};
  }
  __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
  return count;
}

/* A batch: one read more than there were frames last time, and twice as many as long as all find one. */
static int read_frames(struct frame *frames) {
  static int expected = 1;
  int count = 0, bytes = 0, wanted = expected;
  for (;;) {
    int got = read_slots(count, wanted, frames + count);
    for (int n = count; n < count + got; n++) bytes += frames[n].len;
    count += got;
    if (got < wanted || count == BATCH || bytes >= BYTES_AT_ONCE) break;
    wanted = 2 * wanted < BATCH - count ? 2 * wanted : BATCH - count;
  }
  expected = bytes >= BYTES_AT_ONCE || count == BATCH ? count : count + 1;
  return count;
}

/* ---- two descriptors, until the end ---- */

static void serve(int tap, void (*encap)(void), int underlay, void (*decap)(void)) {
  int epoll = epoll_create1(0);
  for (int side = 0; side < 2; side++) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = side ? underlay : tap};
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, wanted.data.fd, &wanted) == 0, "epoll_ctl");
  }
  hurry();
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event ready[2];
    int found = epoll_wait(epoll, ready, 2, -1);
    for (int event = 0; event < found; event++) {
      if (ready[event].data.fd == tap) encap();
      else decap();
    }
  }
}
