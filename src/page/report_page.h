#pragma once

#include <string>

#include "report/report.h"

namespace holdfast::page {

/// A report as one page, for reading and for paper: nothing is fetched, nothing runs.
std::string report_page(const report::Report& report);

}  // namespace holdfast::page
