#pragma once

#include <gtest/gtest.h>

#include <string>

#include "agreement/agreement.h"
#include "analysis/reach.h"

namespace holdfast::analysis {

/// tests/cases/agreement/base.yaml with parts of it replaced; each must be there once.
std::string base_document(std::initializer_list<std::pair<std::string_view, std::string_view>> replacements = {});
/// The base document with a job 'train' over birth dates, whose product the module of 'feed' gets, which goes to maker.
std::string product_document();
/// The analysis of a document, which must check.
Reach reach_of(const std::string& document, const agreement::PackReader& packs = {});

}  // namespace holdfast::analysis
