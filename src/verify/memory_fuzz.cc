#include <cstdint>

#include "base/hash.h"
#include "base/result.h"
#include "fuzz/memory_file.h"
#include "verify/memory.h"

/// The state file of an earlier run, and the tree in it. The file's digest is added here, else nothing would pass it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  Bytes in(reinterpret_cast<const char*>(data), size);
  if (const auto tree = verify::TileTree::decode(in)) {
    HF_ASSERT(tree->encode() == in);
    (void)tree->root();
  }
  in += sha256(in).view();
  const MemoryFile file(in);
  const auto memory = verify::Memory::load(file.path());
  HF_ASSERT(memory ? memory->has_value() : memory.error().slug == "verify.state.corrupt");
  if (memory) (void)(*memory)->tree.root();
  return 0;
}
