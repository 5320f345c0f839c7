// What a loop in C puts in front of a frame: Ethernet, IPv4, UDP and VXLAN headers.

#pragma once

#include <stdint.h>

struct outer {
  uint8_t dst[6], src[6];
  uint16_t ether_type;
  uint8_t version_ihl, tos;
  uint16_t ip_len, id, fragment;
  uint8_t ttl, protocol;
  uint16_t ip_checksum;
  uint32_t local, remote;
  uint16_t src_port, dst_port, udp_len, udp_checksum;
  uint32_t flags, vni;
} __attribute__((packed));
