// The map of the one shared memory: every region, every record, every offset, a file for each of the regions below.
// asc and tsc both compile them, so the hot path and control cannot disagree: asc takes the files, TypeScript this entry.
// Addresses are fixed and sized for the maxima; a page that nobody touches costs nothing.
//
// Integers are little-endian (host order) unless a comment says `wire order`. Each region names its writer, its
// readers and the order of the stores. Records that different threads write never share a 64-byte cache line.
//
// In the order of the addresses:
//
//   system       configuration, clock, epoch, offloads in use
//   fdb          MAC addresses: where each one is
//   networks     VNIs, networks, attachments, the descriptors of ports
//   vteps        other VTEPs, their outer headers, and which network each may send into
//   lists        flood lists and allowed prefixes
//   events       rings from the workers to control
//   worker       a worker's context, descriptors and tables
//   buffers      packet buffers, and room to cut super-frames in
//   xsk          what AF_XDP shares with the kernel
//   counters     by network and by VTEP, for each worker; the memory's end

export * from "./layout/buffers.js";
export * from "./layout/counters.js";
export * from "./layout/descriptor.js";
export * from "./layout/events.js";
export * from "./layout/fdb.js";
export * from "./layout/lists.js";
export * from "./layout/maxima.js";
export * from "./layout/networks.js";
export * from "./layout/system.js";
export * from "./layout/virtio.js";
export * from "./layout/vteps.js";
export * from "./layout/worker.js";
export * from "./layout/xsk.js";
