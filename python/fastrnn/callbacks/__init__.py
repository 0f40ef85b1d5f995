"""Callbacks: what is called while a model trains, evaluates or predicts."""

from fastrnn.callbacks.callback import Callback
from fastrnn.callbacks.callback_list import CallbackList
from fastrnn.callbacks.history import History
from fastrnn.callbacks.progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
