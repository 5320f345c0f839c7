// The loop of a `udp` worker of vxlane's in C, and nothing else: a TAP on one side, a UDP socket on the other, epoll, a VXLAN
// header put on and taken off. One remote VTEP, no FDB, no checks, no counters. It moves frames as vxlane does: a batch from
// the TAP by one io_uring call; a super-frame of TCP cut into frames with finished checksums, in one go with the copy; what is of
// one length out as trains (UDP_SEGMENT), in as trains (UDP_GRO) or as one oversized datagram; frames of one flow to the TAP as one
// super-frame. So what it takes for a round trip is what sleeping and waking costs in any language, and what it carries is what
// these system calls carry.
//
//   loop TAP LOCAL REMOTE PORT VNI MTU
//
// MTU is the TAP's. Says `ready` when the TAP is there.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "frame.h"
#include "tap.h"

enum { VXLAN_LEN = 8, TRAIN_BYTES_MAX = 65000, TRAIN_MAX = 64, MESSAGES = 64, DATAGRAMS_MAX = 128, PIECES_MAX = 1024 };

static int tap, underlay, mtu;
static struct sockaddr_in remote;
static uint32_t vxlan[2];

static struct sockaddr_in address_of(const char *ip, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  require(inet_pton(AF_INET, ip, &address.sin_addr) == 1, "inet_pton");
  return address;
}

/* ---- out ---- */

/* Datagrams of `size` bytes each, the last may be shorter. What finds no room is lost, as anywhere. */
static void send_train(struct iovec *pieces, int count, int size, int datagrams) {
  union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_name = &remote, .msg_namelen = sizeof remote, .msg_iov = pieces, .msg_iovlen = count};
  if (datagrams > 1) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *segment = CMSG_FIRSTHDR(&message);
    *segment = (struct cmsghdr){.cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(uint16_t))};
    *(uint16_t *)CMSG_DATA(segment) = size;
  }
  sendmsg(underlay, &message, MSG_DONTWAIT);
}

static int is_super(struct frame frame) { return (virtio_of(frame)->type & ~ECN) == TCPV4; }

/* Segments of one length, of one super-frame and the next; a shorter one is the last. */
static struct {
  uint8_t bytes[TRAIN_BYTES_MAX + 64];
  int len, count, stride, is_closed;
} train;

static void end_train(void) {
  if (train.count) send_train(&(struct iovec){train.bytes, train.len}, 1, train.stride, train.count);
  train.len = train.count = train.is_closed = 0;
}

static void send_super(struct frame frame) {
  int headers = headers_of(frame), size = virtio_of(frame)->gso_size, stride = VXLAN_LEN + headers + size;
  if (headers == 0 || size == 0) return;
  int segments = (frame.len - headers + size - 1) / size;
  for (int n = 0; n < segments; n++) {
    int is_full = train.count == TRAIN_MAX || train.len + stride > TRAIN_BYTES_MAX;
    if (train.is_closed || is_full || train.stride != stride) end_train();
    uint8_t *to = train.bytes + train.len;
    memcpy(to, vxlan, VXLAN_LEN);
    int len = VXLAN_LEN + cut(frame, headers, size, n, to + VXLAN_LEN);
    train.len += len;
    train.count++;
    train.stride = stride;
    train.is_closed = len < stride;
  }
}

static void encap(void) {
  for (int turn = 0; turn < TURNS; turn++) {
    struct frame frames[BATCH];
    struct iovec payload[BATCH];
    int count = read_frames(frames);
    for (int first = 0, end; first < count; first = end) {
      int len = frames[first].len;
      if (is_super(frames[first])) {
        send_super(frames[first]);
        end = first + 1;
        continue;
      }
      end_train();
      for (end = first; end < count && frames[end].len == len && !is_super(frames[end]); end++) {
        if ((end + 1 - first) * (VXLAN_LEN + len) > TRAIN_BYTES_MAX) break;
        finish(frames[end]);
        memcpy(frames[end].bytes - VXLAN_LEN, vxlan, VXLAN_LEN);
        payload[end] = (struct iovec){frames[end].bytes - VXLAN_LEN, VXLAN_LEN + len};
      }
      send_train(payload + first, end - first, VXLAN_LEN + len, end - first);
    }
    end_train();
    if (count < BATCH) return;
  }
}

/* ---- in ---- */

/* Frames of one flow as one super-frame; a frame above the MTU is one already. */
static void write_frames(struct frame *frames, int count, int headers) {
  static struct iovec pieces[PIECES_MAX];
  struct virtio virtio = {0};
  struct frame head = frames[0], last = frames[count - 1];
  int data_len = head.len - headers, total = (count - 1) * data_len + last.len - headers;
  if (headers) {
    int is_oversized = count == 1 && head.len > mtu + ETHERNET_LEN;
    virtio = head_of(head.bytes, headers, total, is_oversized ? mtu + ETHERNET_LEN - headers : data_len, last.bytes[TCP_FLAGS]);
  }
  pieces[0] = (struct iovec){&virtio, VIRTIO_LEN};
  pieces[1] = (struct iovec){head.bytes, head.len};
  for (int n = 1; n < count; n++) pieces[1 + n] = (struct iovec){frames[n].bytes + headers, frames[n].len - headers};
  if (writev(tap, pieces, 1 + count) < 0) return; /* a full queue loses it, as anywhere */
}

static void join_frames(struct frame *frames, int count) {
  for (int first = 0, end; first < count; first = end) {
    struct frame head = frames[first];
    int headers = headers_of(head), total = head.len, most = 0;
    if (headers) most = head.bytes[IPV4_PROTOCOL] == UDP ? TRAIN_MAX : head.len > headers ? PIECES_MAX - 2 : 0;
    for (end = first + 1; end < count && end - first < most; end++) {
      total += frames[end].len - headers;
      if (total > 65535 + ETHERNET_LEN || !follows(head, headers, frames[end - 1], frames[end])) break;
    }
    write_frames(frames + first, end - first, headers);
  }
}

/* Receives up to `wanted` messages, each a datagram or a train. Returns how many there were; `bytes` is what they had. */
static int receive(int wanted, int *bytes) {
  static uint8_t trains[MESSAGES][FRAME_MAX];
  static struct mmsghdr messages[MESSAGES];
  static struct iovec rooms[MESSAGES];
  static char control[MESSAGES][64] __attribute__((aligned(8)));
  static struct frame frames[MESSAGES * DATAGRAMS_MAX];
  for (int i = 0; i < wanted; i++) {
    rooms[i] = (struct iovec){trains[i], FRAME_MAX};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1, .msg_control = control[i], .msg_controllen = 64};
  }
  int received = recvmmsg(underlay, messages, wanted, MSG_DONTWAIT, NULL), count = 0;
  for (int i = 0; i < received; i++) {
    int len = messages[i].msg_len, size = len;
    struct msghdr *message = &messages[i].msg_hdr;
    for (struct cmsghdr *told = CMSG_FIRSTHDR(message); told; told = CMSG_NXTHDR(message, told)) {
      if (told->cmsg_level == SOL_UDP && told->cmsg_type == UDP_GRO) size = *(int *)CMSG_DATA(told);
    }
    for (int at = 0, end = count + DATAGRAMS_MAX; at + VXLAN_LEN + ETHERNET_LEN < len && count < end; at += size) {
      frames[count++] = (struct frame){trains[i] + at + VXLAN_LEN, (len - at < size ? len - at : size) - VXLAN_LEN};
    }
    *bytes += len;
  }
  join_frames(frames, count);
  return received;
}

/* Single datagrams many at once, trains as many as stay in the cache. */
static void decap(void) {
  static int wanted = MESSAGES;
  for (int turn = 0; turn < TURNS; turn++) {
    int bytes = 0, asked = wanted, received = receive(asked, &bytes);
    if (bytes > BYTES_AT_ONCE && wanted > 1) wanted /= 2;
    else if (received == asked && bytes < BYTES_AT_ONCE / 2 && wanted < MESSAGES) wanted *= 2;
    if (received < asked) return;
  }
}

int main(int count, char **arguments) {
  require(count == 7, "usage: loop TAP LOCAL REMOTE PORT VNI MTU");
  int port = atoi(arguments[4]), on = 1;
  struct sockaddr_in local = address_of(arguments[2], port);
  remote = address_of(arguments[3], port);
  vxlan[0] = htonl(0x08000000);
  vxlan[1] = htonl((uint32_t)strtoul(arguments[5], NULL, 10) << 8);
  mtu = atoi(arguments[6]);
  tap = open_tap(arguments[1]);
  open_ring(tap);
  underlay = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  require(bind(underlay, (struct sockaddr *)&local, sizeof local) == 0, "bind");
  int room = 8 << 20; /* what vxlane asks for */
  setsockopt(underlay, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  setsockopt(underlay, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  require(setsockopt(underlay, SOL_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
  serve(tap, encap, underlay, decap);
}
