// Gives the precompiled standard headers (std_pch.h) a target that others can reuse.
