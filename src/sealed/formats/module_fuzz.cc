#include <cstddef>
#include <cstdint>

#include "sealed/formats/module.h"

/// Anything is read or refused in bounded time and memory, and what is admitted keeps to the bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const sealed::ModuleBounds bounds;
  const auto report = sealed::read_module({reinterpret_cast<const char*>(data), size}, bounds);
  if (!report) {
    HF_ASSERT(report.error().slug.starts_with("sealed.module.") && !report.error().what.empty());
    HF_ASSERT(is_utf8(report.error().text()) && report.error().what.size() < 4096);
    return 0;
  }
  HF_ASSERT(report->memory_pages <= bounds.memory_pages_max && report->table_elements <= bounds.table_elements_max);
  HF_ASSERT(report->data_bytes <= size && report->code_bytes <= size && report->imports.size() <= size);
  return 0;
}
