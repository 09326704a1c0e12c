#pragma once

namespace holdfast {

/// Leaves the cores to other threads from now on: the calling thread gets a tenth of a busy core, and all of an idle
/// one. It can't be taken back (setpriority(2): raising a priority wants a capability), so it is for a thread whose
/// work is always such that nobody waits for it from moment to moment.
void give_way();

}  // namespace holdfast
