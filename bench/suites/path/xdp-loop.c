// The loop of an `xdp` worker of vxlane's in C, and nothing else: two AF_XDP sockets over one UMEM, a frame goes from the one to the
// other as it lies, with 50 bytes of VXLAN put in front of it or taken off. One remote VTEP, no FDB, no counters, no checks of what
// comes. What it forwards is what AF_XDP forwards in this kernel, in any language.
//
//   xdp-loop PORT UNDERLAY                                            as frames lie
//   xdp-loop PORT UNDERLAY LOCAL REMOTE UDP_PORT VNI MAC NEXT_HOP     with VXLAN in between; MACs as twelve digits
//
// Says `ready` when both interfaces have their program, in native mode.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "outer.h"
#include "priority.h"

#ifndef XDP_MAX_TX_SKB_BUDGET /* Linux 6.17 */
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

/* As vxlane has them: frames, entries of each ring, and how many frames a ring holds at most. */
enum { FRAME_SHIFT = 11, FRAMES = 4096, RING = 1024, SHARE = 896 };
/* Frames of a batch; rounds until everything is looked at; how long empty rings are watched before the thread sleeps. */
enum { BATCH = 64, ROUNDS = 16, WATCH_NS = 20000, SEND_BUFFER = 16 << 20 };

struct ring {
  uint32_t *producer, *consumer;
  void *entries;
  uint32_t mine; /* our own position */
};

struct side {
  int fd;
  struct ring rx, tx, fill, done;
};

static uint8_t *umem;
static uint32_t free_frames[FRAMES], free_count;
static struct outer outer;
static uint32_t outer_sum;

static int require(long ok, const char *call) {
  if (ok >= 0) return (int)ok;
  fprintf(stderr, "%s: %s\n", call, strerror(errno));
  exit(1);
}

static int bpf(int command, union bpf_attr *attr) { return (int)syscall(SYS_bpf, command, attr, sizeof *attr); }

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i})

/* Redirects to the socket of queue 0: UDP to our IPv4 address and port, or all frames. Returns the map of sockets. */
static int attach(int device, int has_match) {
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = 1};
  int sockets = require(bpf(BPF_MAP_CREATE, &map), "BPF_MAP_CREATE");
  enum { REDIRECT = 13, PASS = 19 };
#define FIELD(size, field) INSN(BPF_LDX | BPF_MEM | size, 4, 2, offsetof(struct outer, field), 0)
#define PASS_UNLESS(at, value) INSN(BPF_JMP32 | BPF_JNE | BPF_K, 4, 0, PASS - at - 1, (int)(value))
  struct bpf_insn code[] = {
      INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data), 0),
      INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct xdp_md, data_end), 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
      INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, sizeof outer),
      INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, PASS - 4 - 1, 0),
      FIELD(BPF_H, ether_type),
      PASS_UNLESS(6, htons(0x0800)),
      FIELD(BPF_B, protocol),
      PASS_UNLESS(8, IPPROTO_UDP),
      FIELD(BPF_W, remote),
      PASS_UNLESS(10, outer.local),
      FIELD(BPF_H, dst_port),
      PASS_UNLESS(12, outer.dst_port),
      /* REDIRECT */
      INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, sockets),
      INSN(0, 0, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
      /* PASS */
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  int from = has_match ? 0 : REDIRECT;
  int end = has_match ? PASS + 2 : PASS;
  union bpf_attr program = {.prog_type = BPF_PROG_TYPE_XDP, .license = (uintptr_t)"GPL"};
  program.insns = (uintptr_t)(code + from);
  program.insn_cnt = end - from;
  union bpf_attr link = {.link_create = {.attach_type = BPF_XDP, .flags = XDP_FLAGS_DRV_MODE}};
  link.link_create.prog_fd = require(bpf(BPF_PROG_LOAD, &program), "BPF_PROG_LOAD");
  link.link_create.target_ifindex = device;
  require(bpf(BPF_LINK_CREATE, &link), "XDP link");
  return sockets;
}

static struct ring map_ring(int fd, const struct xdp_ring_offset *at, size_t entry_size, off_t page) {
  char *from = mmap(NULL, at->desc + RING * entry_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page);
  if (from == MAP_FAILED) require(-1, "mmap of a ring");
  return (struct ring){(uint32_t *)(from + at->producer), (uint32_t *)(from + at->consumer), from + at->desc, 0};
}

static void set(int fd, int level, int option, int value, const char *call) {
  require(setsockopt(fd, level, option, &value, sizeof value), call);
}

/* The first socket brings the frames, the other shares them. */
static struct side open_side(int device, int has_match, int shared) {
  struct side side = {.fd = require(socket(AF_XDP, SOCK_RAW, 0), "socket AF_XDP")};
  struct xdp_umem_reg frames = {.addr = (uintptr_t)umem, .len = (uint64_t)FRAMES << FRAME_SHIFT};
  frames.chunk_size = 1 << FRAME_SHIFT;
  if (shared < 0) require(setsockopt(side.fd, SOL_XDP, XDP_UMEM_REG, &frames, sizeof frames), "XDP_UMEM_REG");
  set(side.fd, SOL_XDP, XDP_RX_RING, RING, "XDP_RX_RING");
  set(side.fd, SOL_XDP, XDP_TX_RING, RING, "XDP_TX_RING");
  set(side.fd, SOL_XDP, XDP_UMEM_FILL_RING, RING, "XDP_UMEM_FILL_RING");
  set(side.fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, RING, "XDP_UMEM_COMPLETION_RING");
  set(side.fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER, "SO_SNDBUFFORCE");
  int budget = RING;
  setsockopt(side.fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget); /* older kernels take 32 a call */
  struct xdp_mmap_offsets at;
  socklen_t size = sizeof at;
  require(getsockopt(side.fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size), "XDP_MMAP_OFFSETS");
  side.rx = map_ring(side.fd, &at.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
  side.tx = map_ring(side.fd, &at.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
  side.fill = map_ring(side.fd, &at.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
  side.done = map_ring(side.fd, &at.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
  struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_ifindex = device};
  address.sxdp_flags = shared < 0 ? XDP_USE_NEED_WAKEUP | XDP_COPY : XDP_SHARED_UMEM;
  address.sxdp_shared_umem_fd = shared < 0 ? 0 : shared;
  require(bind(side.fd, (struct sockaddr *)&address, sizeof address), "bind AF_XDP");
  int sockets = attach(device, has_match), queue = 0;
  union bpf_attr element = {.map_fd = sockets, .key = (uintptr_t)&queue, .value = (uintptr_t)&side.fd};
  require(bpf(BPF_MAP_UPDATE_ELEM, &element), "BPF_MAP_UPDATE_ELEM");
  return side;
}

static uint32_t kernels(const uint32_t *position) { return __atomic_load_n(position, __ATOMIC_ACQUIRE); }
static void publish(uint32_t *position, uint32_t value) { __atomic_store_n(position, value, __ATOMIC_RELEASE); }

static void refill(struct side *side) {
  uint64_t *entries = side->fill.entries;
  while (side->fill.mine - side->rx.mine < SHARE && free_count > 0)
    entries[side->fill.mine++ % RING] = (uint64_t)free_frames[--free_count] << FRAME_SHIFT;
  publish(side->fill.producer, side->fill.mine);
}

static void reap(struct side *side) {
  const uint64_t *entries = side->done.entries;
  uint32_t end = kernels(side->done.producer);
  while (side->done.mine != end) free_frames[free_count++] = entries[side->done.mine++ % RING] >> FRAME_SHIFT;
  publish(side->done.consumer, end);
}

static uint16_t source_port(const uint8_t *frame) {
  uint64_t macs, ip;
  memcpy(&macs, frame + 4, sizeof macs);
  memcpy(&ip, frame + 26, sizeof ip);
  return htons(0xc000 | (((macs ^ ip) * 0x9e3779b97f4a7c15u) >> 50));
}

static void encap(struct xdp_desc *frame) {
  uint8_t *inner = umem + frame->addr;
  struct outer header = outer;
  uint32_t len = frame->len + sizeof outer;
  header.ip_len = htons(len - 14);
  uint32_t sum = outer_sum + header.ip_len;
  sum = (sum & 0xffff) + (sum >> 16);
  header.ip_checksum = ~((sum & 0xffff) + (sum >> 16));
  header.udp_len = htons(len - 34);
  header.src_port = source_port(inner);
  memcpy(inner - sizeof outer, &header, sizeof header);
  frame->addr -= sizeof outer;
  frame->len = len;
}

static void decap(struct xdp_desc *frame) {
  const struct outer *header = (struct outer *)(umem + frame->addr);
  if (frame->len < sizeof outer || header->vni != outer.vni) return; /* nobody else sends here */
  frame->addr += sizeof outer;
  frame->len -= sizeof outer;
}

/* A batch from one side to the other. Returns how many frames it had. */
static uint32_t forward(struct side *from, struct side *to, void (*change)(struct xdp_desc *)) {
  uint32_t count = kernels(from->rx.producer) - from->rx.mine;
  if (count == 0) return 0;
  if (count > BATCH) count = BATCH;
  reap(to);
  const struct xdp_desc *in = from->rx.entries;
  struct xdp_desc *out = to->tx.entries;
  uint32_t room = SHARE - (to->tx.mine - to->done.mine);
  for (uint32_t n = 0; n < count; n++) {
    struct xdp_desc frame = in[from->rx.mine++ % RING];
    if (n >= room) {
      free_frames[free_count++] = frame.addr >> FRAME_SHIFT;
      continue;
    }
    if (change != NULL) change(&frame);
    frame.options = 0;
    out[to->tx.mine++ % RING] = frame;
  }
  publish(from->rx.consumer, from->rx.mine);
  refill(from);
  publish(to->tx.producer, to->tx.mine);
  while (kernels(to->tx.consumer) != to->tx.mine) {
    uint32_t before = kernels(to->tx.consumer);
    sendto(to->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
    if (kernels(to->tx.consumer) == before) break; /* the other end is full: with the next batch */
  }
  return count;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void parse_mac(const char *digits, uint8_t *mac) {
  for (int n = 0; n < 6; n++) {
    char two[3] = {digits[2 * n], digits[2 * n + 1], 0};
    mac[n] = strtoul(two, NULL, 16);
  }
}

static void prepare_outer(char **arguments) {
  outer = (struct outer){.ether_type = htons(0x0800), .version_ihl = 0x45, .fragment = htons(0x4000), .ttl = 64};
  outer.protocol = IPPROTO_UDP;
  inet_pton(AF_INET, arguments[0], &outer.local);
  inet_pton(AF_INET, arguments[1], &outer.remote);
  outer.dst_port = htons(atoi(arguments[2]));
  outer.flags = htonl(0x08000000);
  outer.vni = htonl(strtoul(arguments[3], NULL, 10) << 8);
  parse_mac(arguments[4], outer.src);
  parse_mac(arguments[5], outer.dst);
  uint16_t words[10];
  memcpy(words, &outer.version_ihl, sizeof words);
  for (int n = 0; n < 10; n++) outer_sum += words[n];
}

int main(int count, char **arguments) {
  int is_tunnel = count == 9;
  if (!is_tunnel && count != 3) errno = EINVAL, require(-1, "arguments");
  if (is_tunnel) prepare_outer(arguments + 3);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  umem = mmap(NULL, (size_t)FRAMES << FRAME_SHIFT, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (umem == MAP_FAILED) require(-1, "mmap of the UMEM");
  for (uint32_t frame = 0; frame < FRAMES; frame++) free_frames[free_count++] = FRAMES - 1 - frame;
  struct side port = open_side(if_nametoindex(arguments[1]), 0, -1);
  struct side underlay = open_side(if_nametoindex(arguments[2]), is_tunnel, port.fd);
  refill(&port);
  refill(&underlay);
  hurry();
  puts("ready");
  fflush(stdout);
  uint64_t watch_until = 0;
  for (;;) {
    uint32_t served = 0;
    for (int round = 0; round < ROUNDS; round++) {
      uint32_t taken = forward(&port, &underlay, is_tunnel ? encap : NULL);
      taken += forward(&underlay, &port, is_tunnel ? decap : NULL);
      served += taken;
      if (taken == 0) break;
    }
    reap(&port);
    reap(&underlay);
    refill(&port);
    refill(&underlay);
    uint64_t now = now_ns();
    if (served > 0) watch_until = now + WATCH_NS;
    if (now < watch_until) continue;
    struct pollfd wanted[] = {{.fd = port.fd, .events = POLLIN}, {.fd = underlay.fd, .events = POLLIN}};
    poll(wanted, 2, 500);
  }
}
