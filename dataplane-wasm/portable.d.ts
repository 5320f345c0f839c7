// The AssemblyScript integer names that the portable files use, for tsc only; asc ignores declaration files.
declare type u32 = number;
declare type usize = number;
