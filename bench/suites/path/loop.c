// The loop of a `udp` worker of vxlane's in C, and nothing else: a TAP on one side, a UDP socket on the other, epoll, a VXLAN
// header put on and taken off. One remote VTEP, no FDB, no checks, no counters. It moves frames as vxlane does: a batch from
// the TAP by one io_uring call; what is of one length out as trains (UDP_SEGMENT), in as trains (UDP_GRO); frames of one UDP
// flow to the TAP as one super-frame, with checksums taken on trust. So what it takes for a round trip is what sleeping and
// waking costs in any language, and what it carries is what these system calls carry.
//
//   loop TAP LOCAL REMOTE PORT VNI
//
// Says `ready` when the TAP is there.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* headers before Linux 6.2 */
#endif

enum { VXLAN_LEN = 8, VIRTIO_LEN = sizeof(struct virtio_net_hdr), FRAME_MAX = 65536, BATCH = 64, TRAIN_BYTES_MAX = 65000 };
enum { ETHERNET_LEN = 14, IPV4_LEN = 20, UDP_LEN = 8, HEADERS_LEN = ETHERNET_LEN + IPV4_LEN + UDP_LEN, PIECES_MAX = 1024 };
enum { HEADROOM = 64, SLOT = HEADROOM + FRAME_MAX + HEADROOM };

static uint8_t buffers[BATCH][SLOT] __attribute__((aligned(4096)));
static int tap, underlay;
static struct sockaddr_in remote;
static uint32_t vxlan[2];

static void require(int ok, const char *call) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", call, strerror(errno));
  exit(1);
}

static void open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  require(tap >= 0, "open /dev/net/tun");
  require(ioctl(tap, TUNSETIFF, &request) >= 0, "TUNSETIFF");
}

static struct sockaddr_in address_of(const char *ip, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  require(inet_pton(AF_INET, ip, &address.sin_addr) == 1, "inet_pton");
  return address;
}

/* ---- a batch of reads by one call ---- */

static int ring;
static struct io_uring_sqe *requests;
static struct io_uring_cqe *results;
static unsigned *sq_tail, *sq_array, *cq_head, *cq_tail, sq_mask, cq_mask;

static void open_ring(void) {
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

/* Reads up to `wanted` frames. Returns how many there were; `payload` has them with room for a VXLAN header in front. */
static int read_frames(int wanted, struct iovec *payload) {
  unsigned tail = *sq_tail;
  for (int slot = 0; slot < wanted; slot++) sq_array[(tail + slot) & sq_mask] = slot;
  __atomic_store_n(sq_tail, tail + wanted, __ATOMIC_RELEASE);
  require(syscall(SYS_io_uring_enter, ring, wanted, 0, 0, NULL, 0) == wanted, "io_uring_enter");
  int count = 0;
  unsigned head = *cq_head, end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
  for (; head != end; head++) {
    const struct io_uring_cqe *result = &results[head & cq_mask];
    if (result->res <= VIRTIO_LEN) continue;
    uint8_t *packet = buffers[result->user_data] + HEADROOM - VXLAN_LEN;
    memcpy(packet, vxlan, VXLAN_LEN);
    payload[count++] = (struct iovec){packet, VXLAN_LEN + result->res - VIRTIO_LEN};
  }
  __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
  return count;
}

/* ---- out ---- */

static void send_train(struct iovec *payload, int count) {
  union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_name = &remote, .msg_namelen = sizeof remote, .msg_iov = payload, .msg_iovlen = count};
  if (count > 1) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *size = CMSG_FIRSTHDR(&message);
    *size = (struct cmsghdr){.cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(uint16_t))};
    *(uint16_t *)CMSG_DATA(size) = payload[0].iov_len;
  }
  sendmsg(underlay, &message, MSG_DONTWAIT);
}

/* One read more than there were frames last time, as vxlane's: a queue with one frame takes one call. */
static void encap(void) {
  static int wanted = 1;
  for (int turn = 0; turn < 4; turn++) {
    struct iovec payload[BATCH];
    int asked = wanted, count = read_frames(asked, payload);
    wanted = count == asked ? (2 * asked < BATCH ? 2 * asked : BATCH) : count + 1;
    for (int first = 0, end; first < count; first = end) {
      size_t size = payload[first].iov_len;
      for (end = first + 1; end < count && payload[end].iov_len == size && (end + 1 - first) * size <= TRAIN_BYTES_MAX;) end++;
      send_train(payload + first, end - first);
    }
    if (count < asked) return;
  }
}

/* ---- in ---- */

/* The flow of a frame, if it is UDP over IPv4 without options: everything but lengths, IPv4's id and the checksums. */
static int is_udp(const uint8_t *frame, int len) {
  return len > HEADERS_LEN && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] == IPPROTO_UDP && !(frame[20] & 0x3f);
}

static int same_flow(const uint8_t *a, const uint8_t *b) {
  return !memcmp(a, b, 16) && !memcmp(a + 20, b + 20, 4) && !memcmp(a + 26, b + 26, 12);
}

static uint16_t sum_of(const uint8_t *bytes, int len, uint32_t sum) {
  for (int at = 0; at < len; at += 2) sum += bytes[at] << 8 | bytes[at + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void put16(uint8_t *at, uint16_t value) {
  at[0] = value >> 8;
  at[1] = value;
}

/* `count` frames of a flow, one behind the other in `stride` bytes each, the last `last_len` long: one super-frame. */
static void write_frames(const uint8_t *first, int len, int stride, int count, int last_len) {
  static struct iovec pieces[PIECES_MAX];
  struct virtio_net_hdr virtio = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
  uint8_t header[HEADERS_LEN];
  pieces[0] = (struct iovec){&virtio, VIRTIO_LEN};
  pieces[1] = (struct iovec){(void *)first, len};
  if (count > 1) {
    int total = UDP_LEN + (count - 1) * (len - HEADERS_LEN) + last_len - HEADERS_LEN;
    memcpy(header, first, HEADERS_LEN);
    put16(header + 16, IPV4_LEN + total);
    put16(header + 24, 0);
    put16(header + 24, ~sum_of(header + ETHERNET_LEN, IPV4_LEN, 0));
    put16(header + 38, total);
    put16(header + 40, sum_of(header + 26, 8, IPPROTO_UDP + total));
    virtio = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
                                     .hdr_len = HEADERS_LEN, .gso_size = len - HEADERS_LEN,
                                     .csum_start = ETHERNET_LEN + IPV4_LEN, .csum_offset = 6};
    pieces[1] = (struct iovec){header, HEADERS_LEN};
    for (int i = 0; i < count; i++) {
      int end = i + 1 < count ? len : last_len;
      pieces[2 + i] = (struct iovec){(void *)(first + (size_t)i * stride + HEADERS_LEN), end - HEADERS_LEN};
    }
  }
  if (writev(tap, pieces, count > 1 ? 2 + count : 2) < 0) return; /* a full queue loses it, as anywhere */
}

/* A datagram, or a train of them of `size` bytes each. */
static void decap_train(const uint8_t *bytes, int len, int size) {
  for (int at = 0; at + VXLAN_LEN < len;) {
    const uint8_t *first = bytes + at + VXLAN_LEN;
    int frame_len = (len - at < size ? len - at : size) - VXLAN_LEN, last_len = frame_len, count = 1;
    int joins = is_udp(first, frame_len);
    for (at += size; joins && at + VXLAN_LEN + HEADERS_LEN < len && count < BATCH; at += size, count++) {
      const uint8_t *next = bytes + at + VXLAN_LEN;
      int next_len = (len - at < size ? len - at : size) - VXLAN_LEN;
      if (!is_udp(next, next_len) || !same_flow(first, next)) break;
      last_len = next_len;
    }
    write_frames(first, frame_len, size, count, last_len);
  }
}

static void decap(void) {
  static uint8_t trains[8][FRAME_MAX];
  static struct mmsghdr messages[8];
  static struct iovec rooms[8];
  static char control[8][64] __attribute__((aligned(8)));
  for (int turn = 0; turn < 4; turn++) {
    for (int i = 0; i < 8; i++) {
      rooms[i] = (struct iovec){trains[i], FRAME_MAX};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1, .msg_control = control[i], .msg_controllen = 64};
    }
    int count = recvmmsg(underlay, messages, 8, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
      int len = messages[i].msg_len, size = len;
      struct msghdr *message = &messages[i].msg_hdr;
      for (struct cmsghdr *told = CMSG_FIRSTHDR(message); told; told = CMSG_NXTHDR(message, told)) {
        if (told->cmsg_level == SOL_UDP && told->cmsg_type == UDP_GRO) size = *(int *)CMSG_DATA(told);
      }
      decap_train(trains[i], len, size);
    }
    if (count < 8) return;
  }
}

int main(int count, char **arguments) {
  require(count == 6, "usage: loop TAP LOCAL REMOTE PORT VNI");
  int port = atoi(arguments[4]), on = 1;
  struct sockaddr_in local = address_of(arguments[2], port);
  remote = address_of(arguments[3], port);
  vxlan[0] = htonl(0x08000000);
  vxlan[1] = htonl((uint32_t)strtoul(arguments[5], NULL, 10) << 8);
  open_tap(arguments[1]);
  open_ring();
  underlay = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  require(bind(underlay, (struct sockaddr *)&local, sizeof local) == 0, "bind");
  int room = 8 << 20; /* what vxlane asks for */
  setsockopt(underlay, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  setsockopt(underlay, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  require(setsockopt(underlay, SOL_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");

  int epoll = epoll_create1(0);
  for (int side = 0; side < 2; side++) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = side ? underlay : tap};
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, wanted.data.fd, &wanted) == 0, "epoll_ctl");
  }
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
