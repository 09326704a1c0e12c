#include <fcntl.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "sealed/worker/jail.h"

namespace holdfast::sealed::worker {
namespace {

/// What SpiderMonkey, the C library and the ring need once they are up. Nothing here names a file, another process or a
/// socket. mmap is for memory alone; read for the control pipe alone, which is empty once the module has come.
constexpr int kCalls[] = {
    SCMP_SYS(munmap),        SCMP_SYS(mprotect),     SCMP_SYS(mremap),         SCMP_SYS(madvise),
    SCMP_SYS(brk),           SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield),    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime), SCMP_SYS(getrusage),    SCMP_SYS(rt_sigprocmask), SCMP_SYS(gettid),
    SCMP_SYS(exit),          SCMP_SYS(exit_group),   SCMP_SYS(mincore),
};

bool allow(scmp_filter_ctx filter) {
  for (const int call : kCalls) {
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  for (const std::uint64_t operation : {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP}) {
    constexpr std::uint64_t kOperation = ~std::uint64_t{FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME};
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(futex), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, kOperation, operation)) != 0) {
      return false;
    }
  }
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, ring::kControlFd)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0;
}

}  // namespace

bool install_seccomp() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return false;
  const bool done = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
                    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) == 0 && allow(filter) && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return done;
}

}  // namespace holdfast::sealed::worker
