// Kernel structures, each drawn once: offsets and sizes in bytes for 64-bit little-endian Linux. A unit test compares
// them with what a C compiler's rules give for the same declarations.

/* struct iovec (sys/uio.h):  0 base (8) | 8 length (8) */
export const IOVEC_BASE = 0;
export const IOVEC_LEN = IOVEC_BASE + 8;
export const IOVEC_SIZE = IOVEC_LEN + 8;

/*
 * struct mmsghdr (sys/socket.h):  struct msghdr, then the length of the datagram
 *   0 name (8) | 8 name length (4) | 12 - | 16 iovecs (8) | 24 iovec count (8) |
 *   32 control (8) | 40 control length (8) | 48 flags (4) | 52 - | 56 length (4) | 60 -
 */
export const MMSG_NAME = 0;
export const MMSG_NAME_LEN = MMSG_NAME + 8;
export const MMSG_IOVECS = MMSG_NAME_LEN + 8;
export const MMSG_IOVEC_COUNT = MMSG_IOVECS + 8;
export const MMSG_CONTROL = MMSG_IOVEC_COUNT + 8;
export const MMSG_CONTROL_LEN = MMSG_CONTROL + 8;
export const MMSG_FLAGS = MMSG_CONTROL_LEN + 8;
export const MMSG_LEN = MMSG_FLAGS + 8;
export const MMSG_SIZE = MMSG_LEN + 8;

/* struct cmsghdr (sys/socket.h):  0 length, header included (8) | 8 level (4) | 12 type (4) | 16 data, padded to 8 */
export const CMSG_LEN = 0;
export const CMSG_LEVEL = CMSG_LEN + 8;
export const CMSG_TYPE = CMSG_LEVEL + 4;
export const CMSG_DATA = CMSG_TYPE + 4;
export const CMSG_ALIGN = 8;

/* struct sockaddr_in (netinet/in.h):  0 family (2) | 2 port (2, wire order) | 4 address (4) | 8 unused (8) */
export const SIN_FAMILY = 0;
export const SIN_PORT = SIN_FAMILY + 2;
export const SIN_ADDR = SIN_PORT + 2;
export const SOCKADDR_IN_SIZE = 16;

/* struct sockaddr_in6:  0 family (2) | 2 port (2, wire order) | 4 flow info (4) | 8 address (16) | 24 scope (4) */
export const SIN6_PORT = SIN_PORT;
export const SIN6_ADDR = SIN6_PORT + 6;
export const SIN6_SCOPE = SIN6_ADDR + 16;
export const SOCKADDR_IN6_SIZE = SIN6_SCOPE + 4;

/* struct sockaddr_nl (linux/netlink.h):  0 family (2) | 2 - | 4 port id (4) | 8 groups (4) */
export const SOCKADDR_NL_GROUPS = 8;
export const SOCKADDR_NL_SIZE = 12;

/* struct ip_mreqn (linux/in.h):  0 group (4) | 4 local address (4) | 8 interface index (4) */
export const MREQN_GROUP = 0;
export const MREQN_IFINDEX = 8;
export const MREQN_SIZE = 12;

/* struct ipv6_mreq (linux/in6.h):  0 group (16) | 16 interface index (4) */
export const MREQ6_GROUP = 0;
export const MREQ6_IFINDEX = MREQ6_GROUP + 16;
export const MREQ6_SIZE = MREQ6_IFINDEX + 4;

/* struct epoll_event (linux/eventpoll.h):  0 events (4) | 4 data (8); packed on x86-64 only, elsewhere data is at 8 */
export const EPOLL_EVENTS = 0;
export const EPOLL_DATA = process.arch === "x64" ? 4 : 8;
export const EPOLL_EVENT_SIZE = EPOLL_DATA + 8;

/* struct ifreq (linux/if.h):  0 name (16) | 16 flags (2) or MTU (4) or sockaddr (16) */
export const IFREQ_NAME = 0;
export const IFREQ_FLAGS = IFREQ_NAME + 16;
export const IFREQ_MTU = IFREQ_FLAGS;
export const IFREQ_HWADDR_FAMILY = IFREQ_FLAGS;
export const IFREQ_HWADDR = IFREQ_HWADDR_FAMILY + 2;
export const IFREQ_SIZE = 40;

/* struct sock_filter (linux/filter.h):  0 code (2) | 2 jumps (2) | 4 k (4).  struct sock_fprog:  0 count (2) | 8 filter (8) */
export const SOCK_FILTER_SIZE = 8;
export const SOCK_FPROG_FILTER = 8;
export const SOCK_FPROG_SIZE = SOCK_FPROG_FILTER + 8;

/* struct nlmsghdr (linux/netlink.h):  0 length (4) | 4 type (2) | 6 flags (2) | 8 sequence (4) | 12 port id (4) */
export const NLMSG_LEN = 0;
export const NLMSG_TYPE = NLMSG_LEN + 4;
export const NLMSG_FLAGS = NLMSG_TYPE + 2;
export const NLMSG_SEQ = NLMSG_FLAGS + 2;
export const NLMSG_HDRLEN = NLMSG_SEQ + 8;
export const NLMSG_ALIGN = 4;

/* struct rtattr (linux/rtnetlink.h):  0 length, header included (2) | 2 type (2) | 4 data, padded to 4 */
export const RTA_LEN = 0;
export const RTA_TYPE = RTA_LEN + 2;
export const RTA_DATA = RTA_TYPE + 2;

/* struct ifinfomsg (linux/rtnetlink.h):  0 family (1) | 2 device type (2) | 4 index (4) | 8 flags (4) | 12 change mask (4) */
export const IFINFO_TYPE = 2;
export const IFINFO_INDEX = IFINFO_TYPE + 2;
export const IFINFO_FLAGS = IFINFO_INDEX + 4;
export const IFINFO_SIZE = IFINFO_FLAGS + 8;

/* struct ifaddrmsg (linux/if_addr.h):  0 family (1) | 1 prefix length (1) | 2 flags (1) | 3 scope (1) | 4 index (4) */
export const IFADDR_FAMILY = 0;
export const IFADDR_PREFIX_LEN = IFADDR_FAMILY + 1;
export const IFADDR_INDEX = 4;
export const IFADDR_SIZE = IFADDR_INDEX + 4;

/* struct rtmsg (linux/rtnetlink.h):  0 family (1) | 1 destination length (1) | 2 source length (1) | ... | 7 route type (1) | 8 flags (4) */
export const RTMSG_FAMILY = 0;
export const RTMSG_DST_LEN = RTMSG_FAMILY + 1;
export const RTMSG_SRC_LEN = RTMSG_DST_LEN + 1;
export const RTMSG_TYPE = 7;
export const RTMSG_SIZE = 12;

/* struct if_stats_msg (linux/if_link.h):  0 family (1) | 4 index (4) | 8 filter mask (4) */
export const IFSTATS_INDEX = 4;
export const IFSTATS_FILTER = IFSTATS_INDEX + 4;
export const IFSTATS_SIZE = IFSTATS_FILTER + 4;

/* struct rtnl_link_stats64 (linux/if_link.h): u64s; tx_dropped is the eighth */
export const LINK_STATS_TX_DROPPED = 7 * 8;
