"""Connections of a Jupyter server that send each message at once; ``make lab`` uses them.

A kernel answers a figure in several small messages: that it is busy, an echo, the answer. By
default TCP sends the first and keeps the others back until the browser acknowledges it, which it
does up to 40 ms later on Linux. The server has no option against that, only one for the class of
its connections.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class SocketAtOnce(ZMQChannelsWebsocketConnection):
    """The connection of a page with its kernel, on which no message waits for another."""

    def connect(self):
        """Connect as usual, and send without delay from then on."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
