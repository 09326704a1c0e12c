#pragma once

#include <chrono>

#include "sealed/pool.h"

namespace holdfast::trustee {

/// How sealed modules are run here.
struct SealedOptions {
  sealed::PoolOptions pool;
  std::chrono::microseconds run_max{20'000};  ///< of real time, one run
  /// Answers go on only at multiples of this, so that how long a run took is told in few bits; 0: at once.
  std::chrono::microseconds beat{2'000};
};

}  // namespace holdfast::trustee
