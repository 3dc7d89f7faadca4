// The same for tests, with their framework.
#pragma once

#include <gtest/gtest.h>

#include "std_pch.h"
