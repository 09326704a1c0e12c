#include "trustee/modules/submission.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"

namespace holdfast::trustee {

namespace json = boost::json;

namespace {

/// An envelope has texts, and lists and objects of them: nothing that could be spelt anew in another way.
bool has_only_texts(const json::value& value) {
  if (const auto* object = value.if_object()) {
    return std::all_of(object->begin(), object->end(), [](const auto& each) { return has_only_texts(each.value()); });
  }
  if (const auto* list = value.if_array()) return std::all_of(list->begin(), list->end(), has_only_texts);
  return value.is_string();
}

}  // namespace

Result<ModuleSubmission> parse_submission(std::string_view body) {
  const auto wrong = [](std::string what) {
    return fail(Code::invalid, "request.json", "", "expected {\"envelope\": {…}, \"module\": \"<base64>\"}: " + what);
  };
  json::parse_options options;
  options.max_depth = 8;
  json::error_code error;
  const json::value value = json::parse({body.data(), body.size()}, error, {}, options);
  const json::object* object = error ? nullptr : value.if_object();
  if (!object || object->size() != 2) return wrong("not a JSON object of these two members");
  const json::value* envelope = object->if_contains("envelope");
  const json::value* module = object->if_contains("module");
  if (!envelope || !envelope->is_object() || !has_only_texts(*envelope))
    return wrong("the envelope is the object that 'holdfast module sign' writes");
  if (!module || !module->is_string()) return wrong("the module is a string");
  auto file = from_base64({module->get_string().data(), module->get_string().size()});
  if (!file) return wrong("the module is not in base64 (RFC 4648, padded)");
  ModuleSubmission out{json::serialize(*envelope), std::move(*file)};
  if (json_members(body) != 2 + json_members(out.envelope)) return wrong("a member is there twice");
  return out;
}

}  // namespace holdfast::trustee
