#include <boost/json/parse.hpp>
#include <cstdint>

#include "agreement/form.h"
#include "disclosure/inspect.h"
#include "disclosure/value.h"

namespace {

using namespace holdfast;
using namespace holdfast::disclosure;

constexpr std::string_view kName = "Ada Lovelace of Marylebone", kCode = "90210", kShown = "en";

struct Three {
  const Bytes* find(std::uint32_t tag) const { return tag <= values.size() ? &values[tag - 1] : nullptr; }
  std::vector<Bytes> values;
};

RecordFormer former() {
  static const auto key = std::make_shared<const TokenKey>(
      TokenKeys(Key256::from(std::string(32, 'k')).value()).key_for("recipient", "use"));
  agreement::Plan plan;
  plan.collections.emplace_back().name = "c";
  using agreement::FieldType;
  plan.collections.back().fields = {{"name", FieldType::text, "user.name", 1},
                                    {"code", FieldType::text, "user.location", 2},
                                    {"lang", FieldType::text, "user.locale", 3}};
  return RecordFormer::create(plan,
                              {.collection = 0,
                               .fields = {{0, agreement::parse_form("token").value()},
                                          {1, agreement::parse_form("first 3").value()},
                                          {2, agreement::parse_form("clear").value()}}},
                              key)
      .value();
}

}  // namespace

/// Bytes that a broken former might write: what the inspector passes is JSON of the agreed fields alone, the clear one
/// as stored, the token a token, the cut one cut; and no withheld text is in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const RecordFormer kFormer = former();
  static const Three kRecord{{value_from_text(agreement::FieldType::text, kName).value(),
                              value_from_text(agreement::FieldType::text, kCode).value(),
                              value_from_text(agreement::FieldType::text, kShown).value()}};
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (!inspect(kFormer, in, kRecord)) return 0;
  HF_ASSERT(in.find(kName) == std::string_view::npos);
  boost::json::error_code error;
  const auto value = boost::json::parse(boost::json::string_view(in.data(), in.size()), error);
  HF_ASSERT(!error && value.is_object());
  for (const auto& [field, given] : value.get_object()) {
    HF_ASSERT(given.is_string());
    const std::string_view text(given.get_string().data(), given.get_string().size());
    if (field == "name") HF_ASSERT(text.size() == kTokenSize);
    if (field == "code") HF_ASSERT(text.size() <= 3 && kCode.starts_with(text));
    if (field == "lang") HF_ASSERT(text == kShown);
    HF_ASSERT(field == "name" || field == "code" || field == "lang");
  }
  return 0;
}
