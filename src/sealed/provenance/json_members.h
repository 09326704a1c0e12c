#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::sealed {

/// Reads one object's members and notices what is missing, of another kind, or too many.
class Members {
 public:
  explicit Members(const boost::json::value* value) : object_(value ? value->if_object() : nullptr) { good_ = object_; }
  const boost::json::value* at(std::string_view name) {
    const boost::json::value* out = object_ ? object_->if_contains({name.data(), name.size()}) : nullptr;
    good_ = good_ && out;
    ++read_;
    return out;
  }
  std::string text(std::string_view name) {
    const boost::json::value* value = at(name);
    const boost::json::string* out = value ? value->if_string() : nullptr;
    good_ = good_ && out;
    return out ? std::string(out->data(), out->size()) : std::string();
  }
  std::uint64_t number(std::string_view name) {
    const boost::json::value* value = at(name);
    const std::int64_t* out = value ? value->if_int64() : nullptr;
    good_ = good_ && out && *out >= 0;
    return out && *out >= 0 ? static_cast<std::uint64_t>(*out) : 0;
  }
  Hash hash(std::string_view name) {
    const auto raw = from_hex(text(name));
    const auto out = raw ? Hash::from(*raw) : std::nullopt;
    good_ = good_ && out;
    return out.value_or(Hash{});
  }
  const boost::json::array* list(std::string_view name) {
    const boost::json::value* value = at(name);
    const boost::json::array* out = value ? value->if_array() : nullptr;
    good_ = good_ && out;
    return out;
  }
  bool done() const { return good_ && object_->size() == read_; }

 private:
  const boost::json::object* object_;
  bool good_ = true;
  std::size_t read_ = 0;
};

/// Of at most eight levels; nothing when it is no JSON.
inline std::optional<boost::json::value> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 8;
  boost::json::error_code error;
  auto out = boost::json::parse({text.data(), text.size()}, error, {}, options);
  return error ? std::nullopt : std::optional(std::move(out));
}

}  // namespace holdfast::sealed
