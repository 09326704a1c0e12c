#include "fetch/problem.h"

#include <boost/json.hpp>

namespace holdfast::fetch {

Problem read_problem(std::string_view body) {
  boost::system::error_code wrong;
  const boost::json::value parsed = boost::json::parse(body, wrong);
  const boost::json::object* problem = wrong ? nullptr : parsed.if_object();
  const auto text_at = [&](std::string_view name) {
    const boost::json::value* value = problem ? problem->if_contains(name) : nullptr;
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  return {text_at("code"), text_at("detail"), text_at("where")};
}

}  // namespace holdfast::fetch
