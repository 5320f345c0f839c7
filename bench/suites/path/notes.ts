// What a reader of the path suite's figures has to know; the report prints it below them.

export const NOTES: readonly string[] = [
  "out: from the contender's side to the far side; in: the other way",
  "the far side is the kernel's vxlan device, but of veth (no tunnel) and of `both ends` (vxlane there too)",
  "bridge+kernel and vxlane xdp serve a container on a veth; the others' side is their own device",
  "C loop: the loop of a udp worker in C and nothing else, with the same system calls, for one VTEP, with no tables and no checks",
  "C xdp: the loop of an xdp worker in C and nothing else, for one VTEP, with no tables and no checks; what AF_XDP forwards in this kernel",
  "ovs, C loop: the peer's veth finishes checksums and cuts segments, as on a wire; the other contenders' do not",
  "frames: one flow of one sender, counted at the receiving device, lengths without FCS; one flow keeps to one worker",
  "frames that reach a TAP of vxlane as super-frames (its UDP super-frames, as a host's own GRO makes them) are told apart by their data, the headers of a super-frame being there once; the host behind has one packet to handle for all of them",
  "frames in: the far side's kernel device encapsulates them, and is often what limits",
  "sent: into the sending device; lost: refused by it (a full TAP queue), or gone on the way",
  "ceiling of TCP: plain veth; of frames: trafgen into a veth whose other end drops each frame at once",
  "ceiling of encap only, decap only: as above, or of the flood, and dropped in XDP; a veth with XDP slows trafgen down, and no AF_XDP forwarder gets more than that",
  "encap only, decap only: container, host, next host; what leaves is counted on the wire, what comes is in VXLAN already",
  "flooded: by the kernel's XDP live frames instead of trafgen, which is too slow to tell AF_XDP forwarders apart",
  "round trips without load: on a virtual machine most of one is the waking of idle cores, and any other work shortens it",
  "half load: sockperf sends half as many messages as the contender forwarded 64 B frames in the same round; it and its server need more CPU for one than trafgen, so where all cores are busy the figure is the length of a queue",
  "TCP and round trips take whole seconds; TCP is the host's own (congestion control in the table above: bbr leaves cores idle)",
  "CPU: of the whole machine, sender and receiver included, from /proc/stat",
];
