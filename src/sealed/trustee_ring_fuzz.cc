#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sealed/trustee_ring.h"

/// A hostile worker: the input is a script of posts, of bytes written anywhere in the ring, and of looks at it. What is
/// answered stays within what was promised, whatever lies there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::sealed;
  constexpr ring::Shape kShape{4, 64, 64, 64};
  auto made = TrusteeRing::create(kShape, {});
  HF_ASSERT(made);
  TrusteeRing& trustee = *made;
  const auto bytes = ring::ring_bytes(kShape);
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, trustee.fd(), 0);
  HF_ASSERT(mapped != MAP_FAILED);
  auto* base = static_cast<std::uint8_t*>(mapped);
  std::uint32_t posted = 0, answered = 0;
  while (size >= 4) {
    const std::uint8_t step = data[0];
    const std::size_t at = (std::size_t{data[1]} << 8 | data[2]) * 4 % bytes;
    const std::size_t count = std::min<std::size_t>({data[3], size - 4, bytes - at});
    data += 4;
    size -= 4;
    if (step % 4 == 0 && !trustee.full()) {
      Request request;
      request.input.assign(reinterpret_cast<const char*>(data), std::min<std::size_t>(count, kShape.input_bytes_max));
      request.output_bytes_max = static_cast<std::uint32_t>(at % (kShape.output_bytes_max + 1));
      trustee.post(request);
      ++posted;
    } else if (step % 4 == 1) {
      std::memcpy(base + at, data, count);
    } else if (step % 4 == 2) {  // a well-made answer, so that the script comes further
      const ring::ResponseHead head{answered, 0, 0, 0, data[-2] % 80u, data[-1] % 80u, 0, 1};
      std::memcpy(base + ring::slot_offset(kShape, answered) + ring::kResponseOffset, &head, sizeof head);
      reinterpret_cast<ring::Header*>(base)->completed.store(answered + 1);
      continue;
    } else {
      const auto state = trustee.state();
      HF_ASSERT(state.problem.size() <= ring::kProblemBytesMax && (state.layers & ~ring::kAllLayers) == 0);
      const auto answer = trustee.collect();
      if (!answer) break;  // that worker is killed
      if (!*answer) continue;
      ++answered;
      HF_ASSERT(answered <= posted && (*answer)->output.size() <= kShape.output_bytes_max);
      HF_ASSERT((*answer)->log.size() <= kShape.log_bytes_max && !(*answer)->text().empty());
      continue;
    }
    data += count;
    size -= count;
  }
  HF_ASSERT(trustee.in_flight() == posted - answered && trustee.in_flight() <= kShape.slots);
  ::munmap(mapped, bytes);
  return 0;
}
