#pragma once

#include <cstdint>

#include "sealed/ring/layout.h"

namespace holdfast::sealed::worker {

/// Takes away from this process whatever it does not need. What the kernel refuses is left out and not told as a layer;
/// the trustee decides whether what is left is enough. Called in this order, each once, by the first thread.
class Jail {
 public:
  /// Everything but the ring and the control pipe.
  void close_descriptors();
  /// Own namespaces, and an empty root. The process that returns is another one than called: the first in its PID
  /// namespace, and still a child of the trustee, which is told its pid through the control pipe.
  void enter_namespaces();
  /// Limits, no new privileges, no capabilities, Landlock. Threads may still be made after it.
  void settle(const ring::Header& header);
  /// No descriptor ever again, and the system calls that computing needs. For all threads.
  void close_for_good();

  std::uint32_t layers() const { return layers_; }

 private:
  void have(bool done, ring::Layer layer) {
    if (done) layers_ |= layer;
  }

  std::uint32_t layers_ = 0;
};

/// The allow-list, for all threads of this process; everything else kills it. False when the kernel has no seccomp.
bool install_seccomp();

}  // namespace holdfast::sealed::worker
