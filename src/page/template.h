#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace holdfast::page {

/// Fills a Mustache template (mustache(5)) with `view`: what stands between two braces comes out escaped for HTML and
/// XML. Three braces leave it as it is: only for what this room drew itself. Numbers are written as they are.
std::string fill(std::string_view mustache, const boost::json::value& view);

/// A page for reading and printing that needs nothing but itself: `body`, filled with `view`, in the frame that all
/// pages have. Its content security policy lets nothing in but the page's own style.
std::string page(std::string_view title, std::string_view body, const boost::json::value& view);

/// Escapes text for HTML and XML, between tags and in quoted attributes.
std::string escaped(std::string_view text);

/// The same, and may break after a dot, an underscore or a slash: for names of categories and uses in narrow columns.
std::string breakable(std::string_view text);

/// The templates, from the files of the same names beside this one; built in.
std::string_view report_template();
std::string_view agreement_template();
/// What drawings need besides.
std::string_view map_style();

/// "12.3 MB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace holdfast::page
