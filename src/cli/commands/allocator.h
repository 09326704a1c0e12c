#pragma once

namespace holdfast::cli {

/// Has the allocator ask the kernel for pages of 2 MiB, where it gives such to those who ask: what is slow about the
/// storage engine's tables in memory is less the memory than the walk through page tables, on virtual machines above
/// all. glibc takes this at a program's start only, so the program starts itself once more, with the same arguments
/// and process number. Does nothing if $GLIBC_TUNABLES is set, and goes on without where it cannot be done. Call it
/// before anything is opened.
void use_huge_pages();

/// Every arena of the allocator keeps what a burst such as an import once filled. By itself it makes eight a core: two
/// million views imported left 640 MB resident, with one arena 210 MB. As many as serve at a time are enough.
/// `threads`: of the server, 0 for one a core.
void bound_arenas(unsigned threads);

}  // namespace holdfast::cli
