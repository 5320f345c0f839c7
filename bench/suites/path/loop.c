// The loop of a `udp` worker of vxlane's in C, and nothing else: a TAP on one side, a UDP socket on the other, epoll, a
// VXLAN header put on and taken off. One remote VTEP, no FDB, no counters, one frame a system call. What it takes for a
// round trip is what sleeping and waking costs in any language.
//
//   loop TAP LOCAL REMOTE PORT VNI
//
// Says `ready` when the TAP is there.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VXLAN_LEN = 8, FRAME_MAX = 65536, BATCH = 64 };

static uint8_t buffer[VXLAN_LEN + FRAME_MAX];

static void require(int ok, const char *call) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", call, strerror(errno));
  exit(1);
}

static int open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  require(tap >= 0, "open /dev/net/tun");
  require(ioctl(tap, TUNSETIFF, &request) >= 0, "TUNSETIFF");
  return tap;
}

static struct sockaddr_in address_of(const char *ip, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  require(inet_pton(AF_INET, ip, &address.sin_addr) == 1, "inet_pton");
  return address;
}

static void encap(int tap, int underlay, const struct sockaddr_in *remote, uint32_t vni) {
  const uint32_t header[2] = {htonl(0x08000000), htonl(vni << 8)};
  memcpy(buffer, header, VXLAN_LEN);
  for (int frame = 0; frame < BATCH; frame++) {
    ssize_t len = read(tap, buffer + VXLAN_LEN, FRAME_MAX);
    if (len <= 0) return;
    sendto(underlay, buffer, VXLAN_LEN + len, 0, (const struct sockaddr *)remote, sizeof *remote);
  }
}

static void decap(int underlay, int tap) {
  for (int frame = 0; frame < BATCH; frame++) {
    ssize_t len = recv(underlay, buffer, sizeof buffer, 0);
    if (len < 0) return;
    if (len > VXLAN_LEN && write(tap, buffer + VXLAN_LEN, len - VXLAN_LEN) < 0) return;
  }
}

int main(int count, char **arguments) {
  require(count == 6, "usage: loop TAP LOCAL REMOTE PORT VNI");
  int tap = open_tap(arguments[1]);
  int port = atoi(arguments[4]);
  struct sockaddr_in local = address_of(arguments[2], port);
  struct sockaddr_in remote = address_of(arguments[3], port);
  uint32_t vni = strtoul(arguments[5], NULL, 10);
  int underlay = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  require(bind(underlay, (struct sockaddr *)&local, sizeof local) == 0, "bind");

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
      if (ready[event].data.fd == tap) encap(tap, underlay, &remote, vni);
      else decap(underlay, tap);
    }
  }
}
