#include "page/template.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <kainjow/mustache.hpp>

#include "base/hash.h"
#include "page/files.h"

namespace holdfast::page {
namespace {

namespace json = boost::json;
namespace mustache = kainjow::mustache;

mustache::data to_data(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::string:
      // Mustache takes an empty text for true; here it is false, so that a section can ask whether there is one.
      if (value.get_string().empty()) return false;
      return std::string(value.get_string());
    case json::kind::int64:
      return fmt::to_string(value.get_int64());
    case json::kind::uint64:
      return fmt::to_string(value.get_uint64());
    case json::kind::double_:
      return fmt::to_string(value.get_double());
    case json::kind::array: {
      mustache::data list(mustache::data::type::list);
      for (const json::value& item : value.get_array()) list.push_back(to_data(item));
      return list;
    }
    case json::kind::object:
      break;
  }
  mustache::data object(mustache::data::type::object);
  for (const auto& [key, member] : value.get_object()) object.set(std::string(key), to_data(member));
  return object;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // What XML has no place for: control characters but tab and line ends.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r' ? '?' : c;
    }
  }
  return out;
}

std::string breakable(std::string_view text) {
  std::string out;
  for (const char c : escaped(text)) {
    out += c;
    if (c == '.' || c == '_' || c == '/') out += "<wbr/>";
  }
  return out;
}

std::string fill(std::string_view text, const json::value& view) {
  mustache::mustache filled{std::string(text)};
  HF_ASSERT(filled.is_valid());
  filled.set_custom_escape([](const std::string& each) { return escaped(each); });
  return filled.render(to_data(view));
}

std::string page(std::string_view title, std::string_view body, const json::value& view) {
  const std::string style = fmt::format("{}{}", kStyle, kMapStyle);
  return fill(kFrame, json::object{{"title", title},
                                   {"style", style},
                                   {"style_hash", to_base64(sha256(style).view())},
                                   {"body", fill(body, view)}});
}

std::string_view report_template() { return kReport; }
std::string_view agreement_template() { return kAgreement; }
std::string_view map_style() { return kMapStyle; }

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::string_view kUnits[] = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace holdfast::page
