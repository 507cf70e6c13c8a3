"""A Unix-socket relay that keeps every byte the server sends.

Agents connect to the relay's folder instead of the server's, so that what
they could have seen is judged on the wire, not on what a driver shows.
"""
import pathlib
import socket
import threading

SOCKET_NAME = ".s.PGSQL.5432"


class Wiretap:
    """Listens in folder and relays to the server's socket in upstream."""

    def __init__(self, folder, upstream):
        self.folder = str(folder)
        self._upstream = str(pathlib.Path(upstream) / SOCKET_NAME)
        self._lock = threading.Lock()
        self._streams = []
        pathlib.Path(folder).mkdir()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(pathlib.Path(folder) / SOCKET_NAME))
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def captured(self):
        """What each connection was sent, one bytes object a connection."""
        with self._lock:
            return [bytes(stream) for stream in self._streams]

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._relay, args=(client,),
                             daemon=True).start()

    def _relay(self, client):
        stream = bytearray()
        with self._lock:
            self._streams.append(stream)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._upstream)
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pump, args=(client, server, None),
                         daemon=True).start()
        self._pump(server, client, stream)

    def _pump(self, source, target, stream):
        """Copy until one side ends, then end the other."""
        try:
            while data := source.recv(65536):
                if stream is not None:
                    with self._lock:
                        stream += data
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
