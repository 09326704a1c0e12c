#include "sealed/worker/helper_thread.h"

// clang-format off
#include <js/TypeDecls.h>  // the next one needs it
#include <js/HelperThreadAPI.h>
// clang-format on

#include <pthread.h>
#include <semaphore.h>

#include <cstdlib>

namespace holdfast::sealed::worker {
namespace {

constexpr std::size_t kStackBytes = 2u << 20;  // Ion recurses
constexpr std::size_t kStackBytesToldEngine = kStackBytes - (256u << 10);
sem_t begun, tasks;

void wait(sem_t& until) {
  while (::sem_wait(&until) != 0) {
  }
}

void* help(void*) {
  ::sem_post(&begun);
  for (;;) {
    wait(tasks);
    JS::RunHelperThreadTask();
  }
}

void task_came(JS::DispatchReason) { ::sem_post(&tasks); }

}  // namespace

void start_helper_thread() {
  ::sem_init(&begun, 0, 0);
  ::sem_init(&tasks, 0, 0);
  pthread_attr_t how;
  ::pthread_attr_init(&how);
  ::pthread_attr_setstacksize(&how, kStackBytes);
  ::pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  if (::pthread_create(&thread, &how, help, nullptr) != 0) std::abort();
  ::pthread_attr_destroy(&how);
  // The C library makes calls of its own as a thread begins (rseq, set_robust_list), for which the jail would kill: on
  // a busy machine the thread may have its first turn when the jail is closed.
  wait(begun);
  JS::SetHelperThreadTaskCallback(task_came, 1, kStackBytesToldEngine);
}

}  // namespace holdfast::sealed::worker
