#include <boost/json/parse.hpp>

#include "agreement/form.h"
#include "disclosure/form.h"
#include "disclosure/inspect.h"
#include "disclosure/value.h"

namespace {

using namespace holdfast;
using namespace holdfast::disclosure;

boost::json::value must_parse(std::string_view json) {
  boost::json::error_code error;
  auto out = boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  HF_ASSERT(!error);
  return out;
}

/// What came in as text goes out as JSON, and comes in again as the same bytes.
void check_round_trip(agreement::FieldType type, std::string_view text) {
  const auto encoded = value_from_text(type, text);
  if (!encoded) return;
  std::string json;
  HF_ASSERT(append_json(json, type, *encoded).has_value());
  const auto again = value_from_json(type, must_parse(json));
  HF_ASSERT(again.has_value() && *again == *encoded);
}

/// Whatever is stored: every form gives JSON that the inspector passes, or nothing at all.
void check_forms(agreement::FieldType type, ByteView stored) {
  static const auto key = std::make_shared<const TokenKey>(
      TokenKeys(Key256::from(std::string(32, 'k')).value()).key_for("recipient", "use"));
  struct OneField {
    const Bytes* find(std::uint32_t) const { return &value; }
    Bytes value;
  } const record{Bytes(stored)};
  agreement::Plan plan;
  plan.collections.emplace_back().name = "c";
  plan.collections.back().fields = {{"f", type, "user.contact", 1}};
  for (const std::string_view spelling : {"clear", "token", "redacted", "year", "month", "first 3", "range of 1000",
                                          "age band of 10", "place to 1 decimal"}) {
    const auto form = agreement::parse_form(spelling);
    if (!agreement::fits(*form, type)) continue;
    const auto former = RecordFormer::create(plan, {.collection = 0, .fields = {{0, *form}}}, key);
    HF_ASSERT(former.has_value());
    std::string out;
    if (!former->append(out, record, 1'700'000'000'000)) {
      HF_ASSERT(out.empty());
      continue;
    }
    must_parse(out);
    HF_ASSERT(inspect(*former, out, record).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto type = static_cast<agreement::FieldType>(data[0] % 9);
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_round_trip(type, rest);
  check_forms(type, rest);
  return 0;
}
