#include "base/priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace holdfast {

void give_way() {
  constexpr int kNice = 10;                         // a weight of 110 beside the usual 1024
  const auto self = static_cast<id_t>(::gettid());  // Linux: a thread's own, though POSIX has it of the process
  if (::getpriority(PRIO_PROCESS, self) < kNice) ::setpriority(PRIO_PROCESS, self, kNice);
}

}  // namespace holdfast
