#pragma once

#include "sealed/worker/served_ring.h"

namespace holdfast::sealed::worker {

/// For tests: what a worker does that a module has broken out into. An input of '!', a letter and perhaps an argument
/// says what to try; false for any other input. Only in the programs that tests start.
bool act_hostile(ServedRing& ring);

}  // namespace holdfast::sealed::worker
