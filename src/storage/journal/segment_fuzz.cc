#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "storage/journal/segment.h"

/// The input: a journal's file as it lies on the disk. What is read out of it and written again is what was read, and
/// the reader stops at a block's start, within the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::storage;
  const ByteView bytes(reinterpret_cast<const char*>(data), size);
  SegmentReader reader(bytes);
  Bytes again;
  while (const auto record = reader.next()) {
    const std::size_t begin = again.size();
    again.resize(begin + record_size(record->packed.size()));
    put_record(again.data() + begin, *record);
    const std::size_t end = again.find_last_not_of('\0') + 1;
    HF_ASSERT(bytes.substr(begin, end - begin) == ByteView(again).substr(begin, end - begin));
  }
  HF_ASSERT(reader.at() == again.size());
  while (reader.skip()) HF_ASSERT(reader.at() % kBlock == 0 && reader.next());
  const auto end = reader.end();
  HF_ASSERT(end == SegmentReader::End::clean || end == SegmentReader::End::cut || reader.at() < size);
  return 0;
}
