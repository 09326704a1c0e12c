#include <cstddef>
#include <cstdint>

#include "sealed/provenance/statement.h"

/// Whatever reads as an envelope, a statement or an opening is written so that it reads as the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::sealed;
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto envelope = Envelope::parse(in)) {
    const auto again = Envelope::parse(envelope->encode());
    HF_ASSERT(again && again->payload == envelope->payload && again->signatures == envelope->signatures);
    (void)parse_statement(envelope->payload).has_value();
  }
  if (const auto statement = parse_statement(in)) {
    const auto written = to_json(*statement);
    HF_ASSERT(written);
    const auto again = parse_statement(*written);
    HF_ASSERT(again && *again == *statement);
  }
  if (const auto opening = parse_opening(in)) {
    HF_ASSERT(parse_opening(to_json(*opening)));
    (void)check_opening(*opening, {Hash{}, opening->files}).has_value();
  }
  return 0;
}
