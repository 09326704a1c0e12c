#pragma once

namespace holdfast {

/// From now on the calling thread computes in turns of a tenth of a millisecond, where the kernel has that (Linux 6.12;
/// before, its turns stay as long as they were): one that wakes up meanwhile need not wait for milliseconds until this
/// one's turn is over. Its share of a core stays the same.
void take_short_turns();

/// Leaves the cores to other threads from now on: the calling thread gets a tenth of a busy core, in short turns, and
/// all of an idle one. It can't be taken back (setpriority(2): raising a priority wants a capability), so it is for a
/// thread whose work is always such that nobody waits for it from moment to moment.
void give_way();

}  // namespace holdfast
