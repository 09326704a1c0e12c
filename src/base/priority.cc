#include "base/priority.h"

#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace holdfast {

void take_short_turns() {
  constexpr std::uint64_t kTurnNs = 100'000;  // the shortest there is
  sched_attr now{};
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.sched_runtime == kTurnNs) return;
  now.sched_runtime = kTurnNs;  // of an ordinary thread its slice (sched_setattr(2)); older kernels pass over it
  ::syscall(SYS_sched_setattr, 0, &now, 0);
}

void give_way() {
  constexpr int kNice = 10;                         // a weight of 110 beside the usual 1024
  const auto self = static_cast<id_t>(::gettid());  // Linux: a thread's own, though POSIX has it of the process
  if (::getpriority(PRIO_PROCESS, self) < kNice) ::setpriority(PRIO_PROCESS, self, kNice);
  take_short_turns();
}

}  // namespace holdfast
