// Gives a precompiled header (std_pch.h, test_pch.h) a target that others can reuse.
