"""Games in which several misaligned AI models compete to advise one person, solved in batches."""

import lazy_loader

__version__ = "0.2.0"

# What a name stands for is told in __init__.pyi, and imported when it is first used: the command `jaxgame`
# does not wait for JAX, nor does a job that only collects results.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
